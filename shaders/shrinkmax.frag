#version 330 core
// The largest value under each screen pixel; NaN counts as nothing.

#include "place.glsl"
#include "footprint.glsl"

uniform sampler2D values;  // R32F region

out float largest;

void main() {
    ivec2 low, high;
    footprint(cell_at(gl_FragCoord.xy), low, high);
    largest = -1.0;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            float value = texelFetch(values, ivec2(x, y), 0).r;
            if (value > largest) largest = value;
        }
    }
}
