// Where a fragment of a pane lies in the cells that it is drawn from.

uniform vec2 origin;   // cell coordinates of the pane's lower left corner
uniform vec2 stride;   // cells per screen pixel; y is negative where rows go down the screen
uniform vec4 extent;   // x0, y0, x1, y1 of the image in cells; nothing is drawn outside

vec2 cell_at(vec2 fragment) {
    return origin + fragment * stride;
}

bool outside(vec2 cell) {
    return any(lessThan(cell, extent.xy)) || any(greaterThanEqual(cell, extent.zw));
}

// True if `at` is a cell of the image.
bool is_cell(ivec2 at) {
    return !outside(vec2(at) + 0.5);
}
