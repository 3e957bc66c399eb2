// snappy, the block format.
#pragma once
#include <snappy-c.h>
