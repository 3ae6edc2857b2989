#version 330 core
// Mean of the finite cells under each screen pixel, weighted by area; where there is none, an
// infinite value if one is there, else NaN.

#include "place.glsl"
#include "footprint.glsl"

uniform sampler2D values;  // R32F region, image units

out float mean;

const float LARGEST = 3.4e38;

void main() {
    vec2 cell = cell_at(gl_FragCoord.xy), reach = half_pixel();
    ivec2 low, high;
    footprint(cell, low, high);
    float sum = 0.0, area = 0.0, other = texelFetch(values, low, 0).r;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            float value = texelFetch(values, ivec2(x, y), 0).r;
            if (abs(value) <= LARGEST) {
                vec2 near = min(vec2(x, y) + 1.0, cell + reach) - max(vec2(x, y), cell - reach);
                float weight = max(near.x, 1e-3) * max(near.y, 1e-3);
                sum += value * weight;
                area += weight;
            } else if (value > LARGEST || value < -LARGEST) {
                other = value;
            }
        }
    }
    mean = area > 0.0 ? sum / area : other;
}
