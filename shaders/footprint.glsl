// The cells under one screen pixel of a reduced picture, where a cell is at most a screen pixel.
// Needs place.glsl.

vec2 half_pixel() {
    return abs(stride) * 0.5;
}

// The cells [low, high] that a screen pixel touches, inside the image: up to three a side.
void footprint(vec2 cell, out ivec2 low, out ivec2 high) {
    vec2 reach = max(half_pixel() - 1e-3, 0.0);
    ivec2 first = ivec2(extent.xy), last = ivec2(extent.zw) - 1;
    low = clamp(ivec2(floor(cell - reach)), first, last);
    high = clamp(ivec2(floor(cell + reach)), first, last);
}
