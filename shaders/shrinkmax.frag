#version 330 core
// The largest value under each screen pixel; NaN only where there is nothing else.

#include "place.glsl"
#include "footprint.glsl"

uniform sampler2D values;  // R32F region

out float largest;

bool is_nan(float value) {
    return !(value > 0.0 || value <= 0.0);
}

void main() {
    ivec2 low, high;
    footprint(cell_at(gl_FragCoord.xy), low, high);
    largest = texelFetch(values, low, 0).r;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            float value = texelFetch(values, ivec2(x, y), 0).r;
            if (value > largest || (is_nan(largest) && !is_nan(value))) largest = value;
        }
    }
}
