// c-ares, which asks name servers.
#pragma once
#include <ares.h>
