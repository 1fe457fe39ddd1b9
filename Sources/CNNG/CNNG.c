#include "CNNG.h"
