#version 330 core
// The mean under each screen pixel as in shrinkmean.frag, but the largest cell where that stands
// out from it; +Inf stands out from everything.

#include "place.glsl"
#include "footprint.glsl"

uniform sampler2D values;  // R32F region, image units
uniform float reach;       // how far a peak stands above the mean of the other cells, image units

out float shown;

const float LARGEST = 3.4e38;

void main() {
    vec2 cell = cell_at(gl_FragCoord.xy), half_side = half_pixel();
    ivec2 low, high;
    footprint(cell, low, high);
    float sum = 0.0, area = 0.0, count = 0.0, peak = -LARGEST;
    float other = texelFetch(values, low, 0).r;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            float value = texelFetch(values, ivec2(x, y), 0).r;
            if (abs(value) <= LARGEST) {
                vec2 near = min(vec2(x, y) + 1.0, cell + half_side)
                          - max(vec2(x, y), cell - half_side);
                float weight = max(near.x, 1e-3) * max(near.y, 1e-3);
                sum += value * weight;
                area += weight;
                count += 1.0;
                peak = max(peak, value);
            } else if (value > LARGEST || (value < -LARGEST && !(other > LARGEST))) {
                other = value;
            }
        }
    }
    float mean = area > 0.0 ? sum / area : other;
    bool stands_out = count > 0.0 && peak - mean > reach * (1.0 - 1.0 / count);
    shown = other > LARGEST ? other : stands_out ? peak : mean;
}
