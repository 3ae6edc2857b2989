#version 330 core
// Places one tile in the region buffer.  All rectangles are relative to the region, so float32
// is exact however large the image.

uniform vec2 region;      // width, height of the region buffer in cells

in vec4 place;            // x, y, width, height in the region, in cells
in vec4 source;           // x, y, width, height in the tile, in texels
in float layer;

out vec3 texel;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    texel = vec3(source.xy + corner * source.zw, layer);
    gl_Position = vec4((place.xy + corner * place.zw) / region * 2.0 - 1.0, 0.0, 1.0);
}
