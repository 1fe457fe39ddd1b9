#ifndef AIMSTORS_CZLIB_H
#define AIMSTORS_CZLIB_H

#include <zlib.h>

#endif
