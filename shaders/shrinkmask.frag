#version 330 core
// The strongest mask code under each screen pixel, so that one masked cell is never hidden.

#include "place.glsl"
#include "footprint.glsl"

const int NONE = 0, MODEL = 1, DILATED = 2, ADDED = 3, DELETED = 4;

uniform sampler2D state;   // codes / 255, or the values of a reduced level:
uniform bool reduced;      // confidence with the mask grown, 2 where an edit adds
uniform float threshold;

out float strongest;

int code_at(ivec2 at) {
    float value = texelFetch(state, at, 0).r;
    if (!reduced) return int(value * 255.0 + 0.5);
    return value > 1.5 ? ADDED : value > threshold ? MODEL : NONE;
}

bool is_masked(int code) {
    return code == MODEL || code == DILATED || code == ADDED;
}

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
