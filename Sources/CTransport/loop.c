// Event loops: one thread each, over libuv.
#include "transport/transport.h"

typedef int transport_translation_unit_is_not_empty;
