// libyaml, which reads YAML into events.
#pragma once
#include <yaml.h>
