#version 330 core
// The strongest mask code under each screen pixel, so that one masked cell is never hidden.

#include "place.glsl"
#include "footprint.glsl"
#include "mask.glsl"

out float strongest;

void main() {
    ivec2 low, high;
    footprint(cell_at(gl_FragCoord.xy), low, high);
    int found = NONE;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            int code = code_at(ivec2(x, y));
            bool stronger = is_masked(code) ? (!is_masked(found) || code == ADDED) : found == NONE;
            if (stronger) found = code;
        }
    }
    strongest = float(found) / 255.0;
}
