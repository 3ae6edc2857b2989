#version 330 core
// Distance along the row, in cells, to the nearest cell the model masks: the first of the two steps
// of dilation.  In: confidence of the region.  Out: distance / 255, or 1 where none is near.

uniform sampler2D confidence;
uniform float threshold;
uniform int radius;
uniform ivec2 size;      // of the region, in cells

out float reach;

bool masked(int x, int y) {
    return texelFetch(confidence, ivec2(x, y), 0).r > threshold;  // NaN is never masked
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    reach = 1.0;
    for (int distance = 0; distance <= radius; ++distance) {
        if ((at.x - distance >= 0 && masked(at.x - distance, at.y))
            || (at.x + distance < size.x && masked(at.x + distance, at.y))) {
            reach = float(distance) / 255.0;
            return;
        }
    }
}
