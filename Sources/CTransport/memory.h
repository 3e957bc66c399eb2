// Memory that was needed for a while goes back to the system.
#pragma once
#include <stdint.h>

/// Gives back what the allocator keeps free, where that is much and it was not looked at within the last seconds. Returns after how many
/// milliseconds it is worth to come back, 0: there is no need.
uint64_t memory_give_back(uint64_t now_ms);
