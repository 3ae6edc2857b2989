// The mask's codes (glview/core/mask.py) and their colours.

const int NONE = 0, MODEL = 1, DILATED = 2, ADDED = 3, DELETED = 4;

uniform sampler2D state;
uniform vec3 added_colour;
uniform vec3 deleted_colour;

int code_at(ivec2 at) {
    return int(texelFetch(state, at, 0).r * 255.0 + 0.5);
}

bool is_masked(int code) {
    return code == MODEL || code == DILATED || code == ADDED;
}

// The strongest code under a screen pixel, so that one masked cell is never hidden.
int code_under(ivec2 low, ivec2 high) {
    int found = NONE;
    for (int y = low.y; y <= high.y; ++y) {
        for (int x = low.x; x <= high.x; ++x) {
            int code = code_at(ivec2(x, y));
            bool stronger = is_masked(code) ? (!is_masked(found) || code == ADDED) : found == NONE;
            if (stronger) found = code;
        }
    }
    return found;
}
