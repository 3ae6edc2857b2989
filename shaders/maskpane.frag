#version 330 core
// The mask pane: the final mask, or the confidence it was made from.

#include "place.glsl"
#include "mask.glsl"

uniform sampler2D confidence;  // R32F region in [0, 1]; -1 where nothing is known
uniform sampler2D colours;     // 256 x 1, used for the confidence
uniform bool show_confidence;
uniform vec3 background;

out vec4 colour;

vec3 of_code(int code) {
    if (code == ADDED) return added_colour;
    if (code == DELETED) return deleted_colour;
    if (code == DILATED) return vec3(0.62);
    return code == MODEL ? vec3(1.0) : vec3(0.0);
}

float most_confident(ivec2 low, ivec2 high) {
    float most = 0.0;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            most = max(most, texelFetch(confidence, ivec2(x, y), 0).r);
        }
    }
    return min(most, 1.0);
}

void main() {
    vec2 cell = cell_at(gl_FragCoord.xy);
    if (outside(cell)) {
        colour = vec4(background, 1.0);
        return;
    }
    ivec2 low, high;
    footprint(cell, low, high);
    vec3 shown = of_code(code_under(low, high));
    if (show_confidence) {
        shown = texelFetch(colours, ivec2(int(most_confident(low, high) * 255.0 + 0.5), 0), 0).rgb;
    }
    colour = vec4(shown, 1.0);
}
