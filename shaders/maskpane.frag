#version 330 core
// The mask pane: the final mask, or the confidence it was made from.

#include "place.glsl"
#include "mask.glsl"

uniform sampler2D confidence;  // R32F cells in [0, 1]; -1 where nothing is known, 2 where added
uniform sampler2D colours;     // 256 x 1, used for the confidence
uniform bool show_confidence;
uniform vec3 background;
uniform vec3 added_colour;
uniform vec3 deleted_colour;

out vec4 colour;

vec3 of_code(int code) {
    if (code == ADDED) return added_colour;
    if (code == DELETED) return deleted_colour;
    if (code == DILATED) return vec3(0.62);
    return code == MODEL ? vec3(1.0) : vec3(0.0);
}

void main() {
    vec2 cell = cell_at(gl_FragCoord.xy);
    if (outside(cell)) {
        colour = vec4(background, 1.0);
        return;
    }
    ivec2 at = ivec2(floor(cell));
    vec3 shown = of_code(code_at(at));
    if (show_confidence) {
        float value = texelFetch(confidence, at, 0).r;
        float level = value > 0.0 ? min(value, 1.0) : 0.0;  // NaN counts as nothing
        shown = texelFetch(colours, ivec2(int(level * 255.0 + 0.5), 0), 0).rgb;
    }
    colour = vec4(shown, 1.0);
}
