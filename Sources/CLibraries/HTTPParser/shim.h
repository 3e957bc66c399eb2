// http-parser, the grammar of HTTP/1.1.
#pragma once
#include <http_parser.h>
