// Where a fragment of a pane lies in the region buffer.

uniform vec2 origin;   // region cell coordinates of the pane's lower left corner
uniform vec2 stride;   // cells per screen pixel; y is negative where rows go down the screen
uniform vec4 extent;   // x0, y0, x1, y1 of the image in region cells; nothing is drawn outside

vec2 cell_at(vec2 fragment) {
    return origin + fragment * stride;
}

bool outside(vec2 cell) {
    return any(lessThan(cell, extent.xy)) || any(greaterThanEqual(cell, extent.zw));
}

// Half the size of a screen pixel in cells; 0 when magnified, where a pixel shows one cell.
vec2 half_pixel() {
    return mix(vec2(0.0), abs(stride) * 0.5, greaterThan(abs(stride), vec2(1.0 + 1e-5)));
}

// The cells [low, high] that a screen pixel touches: up to three a side when reduced.
void footprint(vec2 cell, out ivec2 low, out ivec2 high) {
    vec2 reach = max(half_pixel() - 1e-3, 0.0);
    ivec2 first = ivec2(extent.xy), last = ivec2(extent.zw) - 1;
    low = clamp(ivec2(floor(cell - reach)), first, last);
    high = clamp(ivec2(floor(cell + reach)), first, last);
}
