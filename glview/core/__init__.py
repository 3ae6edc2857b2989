"""Pixels, masks and objects: numpy and numba only, no OpenGL, no files, no network.

Everywhere in glview: arrays are (height, width) in C order, a pixel is (y, x) counted from 0,
pixel (y, x) covers the square [y, y + 1) x [x, x + 1), and boxes (y0, x0, y1, x1) are half-open.
"""
