#version 330 core
// Why each cell is in the mask: the second step of dilation, then the edits, which win.
// A cell is reached when a row dy away has a masked cell within widths[|dy|].
// Out: code / 255 with the codes of glview/core/mask.py.

const int NONE = 0, MODEL = 1, DILATED = 2, ADDED = 3, DELETED = 4;
const int EDIT_ADD = 1, EDIT_DELETE = 2;

uniform sampler2D confidence;
uniform sampler2D reach;
uniform sampler2D edits;
uniform float threshold;
uniform int radius;
uniform ivec2 size;      // of the region, in cells
uniform int widths[17];
uniform bool reduced;    // cells of a reduced level hold 2 where an edit adds, -1 where one deletes

out float state;

bool grown(ivec2 at) {
    for (int dy = -radius; dy <= radius; ++dy) {
        int y = at.y + dy;
        if (y < 0 || y >= size.y) continue;
        int near = int(texelFetch(reach, ivec2(at.x, y), 0).r * 255.0 + 0.5);
        if (near <= widths[abs(dy)]) return true;
    }
    return false;
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    float value = texelFetch(confidence, at, 0).r;
    int edit = int(texelFetch(edits, at, 0).r * 255.0 + 0.5);
    int code = NONE;
    if (edit == EDIT_ADD || (reduced && value > 1.5)) code = ADDED;
    else if (edit == EDIT_DELETE) code = DELETED;
    else if (value > threshold) code = MODEL;
    else if (radius > 0 && grown(at)) code = DILATED;
    state = float(code) / 255.0;
}
