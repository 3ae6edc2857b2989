#version 330 core
// Copies one texel of a tile into one cell of the region buffer, bit for bit.

uniform sampler2DArray tiles;

in vec3 texel;
out float value;

void main() {
    value = texelFetch(tiles, ivec3(floor(texel.xy), int(texel.z + 0.5)), 0).r;
}
