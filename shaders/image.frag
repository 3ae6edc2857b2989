#version 330 core
// The image pane: value -> limits -> scaling -> contrast and bias -> colour, then the mask over it.

#include "place.glsl"
#include "mask.glsl"
#include "scalings"

uniform sampler2D values;     // R32F cells, image units
uniform sampler2D colours;    // 256 x 1, the colour map
uniform sampler2D table;      // n x 1 R32F, histogram equalization between the limits
uniform vec2 limits;          // low, high, image units
uniform int kind;             // index into SCALINGS (glview/core/stretch.py); its length: the table
uniform float contrast;
uniform float bias;
uniform vec3 nan_colour;
uniform vec3 inf_colour;
uniform vec3 background;
uniform vec3 added_colour;
uniform vec3 deleted_colour;
uniform vec4 overlay;         // colour and opacity of the mask
uniform bool outline;         // draw only the border of masked cells, if they are magnified

out vec4 colour;

const float LARGEST = 3.4e38;

float equalised(float t) {
    int last = textureSize(table, 0).x - 1;
    float place = t * float(last);
    int left = min(int(place), last - 1);
    float low = texelFetch(table, ivec2(left, 0), 0).r;
    float high = texelFetch(table, ivec2(left + 1, 0), 0).r;
    return mix(low, high, place - float(left));
}

float grey(float value) {
    float t = clamp((value - limits.x) / (limits.y - limits.x), 0.0, 1.0);
    t = kind < SCALINGS ? clamp(scale(t, kind), 0.0, 1.0) : equalised(t);
    return clamp((t - bias) * contrast + 0.5, 0.0, 1.0);
}

bool differs(ivec2 at, ivec2 step) {
    ivec2 next = at + step;
    if (!is_cell(next)) return true;
    return is_masked(code_at(at)) != is_masked(code_at(next));
}

// True within 1.5 screen pixels of an edge of the cell that borders on an unmasked one.
bool on_border(vec2 cell, ivec2 at) {
    vec2 width = min(abs(stride) * 1.5, vec2(0.5));
    vec2 inner = cell - vec2(at);
    return (inner.x < width.x && differs(at, ivec2(-1, 0)))
        || (inner.x > 1.0 - width.x && differs(at, ivec2(1, 0)))
        || (inner.y < width.y && differs(at, ivec2(0, -1)))
        || (inner.y > 1.0 - width.y && differs(at, ivec2(0, 1)));
}

vec3 with_mask(vec3 under, vec2 cell, ivec2 at) {
    int code = code_at(at);
    if (overlay.a <= 0.0 || code == NONE) return under;
    bool magnified = all(lessThan(abs(stride), vec2(0.999)));
    bool border = !(outline && magnified) || on_border(cell, at);
    if (!border) return under;
    vec3 over = code == ADDED ? added_colour : code == DELETED ? deleted_colour : overlay.rgb;
    float strength = code == DELETED ? 0.7 * overlay.a : outline ? 1.0 : overlay.a;
    return mix(under, over, strength);
}

void main() {
    vec2 cell = cell_at(gl_FragCoord.xy);
    if (outside(cell)) {
        colour = vec4(background, 1.0);
        return;
    }
    ivec2 at = ivec2(floor(cell));
    float value = texelFetch(values, at, 0).r;
    vec3 shown = nan_colour;
    if (abs(value) <= LARGEST) {
        shown = texelFetch(colours, ivec2(int(grey(value) * 255.0 + 0.5), 0), 0).rgb;
    } else if (value > LARGEST || value < -LARGEST) {
        shown = inf_colour;
    }
    colour = vec4(with_mask(shown, cell, at), 1.0);
}
