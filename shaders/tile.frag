#version 330 core
// Copies one texel of a tile into one cell of the region buffer, bit for bit.

uniform sampler2DArray tiles;

in vec3 texel;
out float value;

void main() {
    ivec2 at = min(ivec2(floor(texel.xy)), textureSize(tiles, 0).xy - 1);
    value = texelFetch(tiles, ivec3(at, int(texel.z + 0.5)), 0).r;
}
