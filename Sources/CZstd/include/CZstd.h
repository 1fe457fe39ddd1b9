#ifndef AIMSTORS_CZSTD_H
#define AIMSTORS_CZSTD_H

#include <zstd.h>

#endif
