#include "mapping.h"
int mapping_placeholder(void) { return 0; }
