// The mask's codes (glview/core/mask.py) and where they come from.

const int NONE = 0, MODEL = 1, DILATED = 2, ADDED = 3, DELETED = 4;

uniform sampler2D state;
uniform bool any_mask;

int code_at(ivec2 at) {
    if (!any_mask) return NONE;
    return int(texelFetch(state, at, 0).r * 255.0 + 0.5);
}

bool is_masked(int code) {
    return code == MODEL || code == DILATED || code == ADDED;
}
