#version 330 core
// The image pane: value -> limits -> scaling -> contrast and bias -> colour, then the mask over it.

#include "place.glsl"
#include "mask.glsl"
#include "scalings"

uniform sampler2D values;     // R32F region, image units
uniform sampler2D colours;    // 256 x 1, the colour map
uniform sampler2D table;      // n x 1 R32F, histogram equalization between the limits
uniform vec2 limits;          // low, high, image units
uniform int kind;             // index into SCALINGS (glview/core/stretch.py); its length: the table
uniform float contrast;
uniform float bias;
uniform vec3 nan_colour;
uniform vec3 inf_colour;
uniform vec3 background;
uniform vec4 overlay;         // colour and opacity of the mask
uniform bool outline;         // draw only the border of masked cells when magnified

out vec4 colour;

const float LARGEST = 3.4e38;

// Mean of the finite cells under the screen pixel, weighted by area.  kinds: number of NaN and of
// infinite cells met where none is finite.
float mean_under(vec2 cell, ivec2 low, ivec2 high, out bool finite, out bool infinite) {
    vec2 reach = half_pixel();
    float sum = 0.0, area = 0.0;
    infinite = false;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            float value = texelFetch(values, ivec2(x, y), 0).r;
            if (abs(value) <= LARGEST) {
                vec2 near = min(vec2(x, y) + 1.0, cell + reach) - max(vec2(x, y), cell - reach);
                float weight = reach.x > 0.0 ? max(near.x * near.y, 1e-6) : 1.0;
                sum += value * weight;
                area += weight;
            } else if (value > LARGEST || value < -LARGEST) {
                infinite = true;
            }
        }
    }
    finite = area > 0.0;
    return sum / max(area, 1e-12);
}

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
    if (outside(vec2(next) + 0.5)) return true;
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

vec3 with_mask(vec3 under, vec2 cell, ivec2 low, ivec2 high) {
    if (overlay.a <= 0.0) return under;
    int code = code_under(low, high);
    if (code == NONE) return under;
    bool border = low == high ? on_border(cell, low) : true;
    if (code == DELETED) return border || !outline ? mix(under, deleted_colour, 0.7 * overlay.a) : under;
    vec3 over = code == ADDED ? added_colour : overlay.rgb;
    return outline && !border ? under : mix(under, over, outline ? 1.0 : overlay.a);
}

void main() {
    vec2 cell = cell_at(gl_FragCoord.xy);
    if (outside(cell)) {
        colour = vec4(background, 1.0);
        return;
    }
    ivec2 low, high;
    footprint(cell, low, high);
    bool finite, infinite;
    float value = mean_under(cell, low, high, finite, infinite);
    vec3 shown = infinite ? inf_colour : nan_colour;
    if (finite) shown = texelFetch(colours, ivec2(int(grey(value) * 255.0 + 0.5), 0), 0).rgb;
    colour = vec4(with_mask(shown, cell, low, high), 1.0);
}
