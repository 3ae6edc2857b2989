// The mask's codes (glview/core/mask.py) and where they come from.

const int NONE = 0, MODEL = 1, DILATED = 2, ADDED = 3, DELETED = 4;

uniform sampler2D state;

int code_at(ivec2 at) {
    return int(texelFetch(state, at, 0).r * 255.0 + 0.5);
}

bool is_masked(int code) {
    return code == MODEL || code == DILATED || code == ADDED;
}
