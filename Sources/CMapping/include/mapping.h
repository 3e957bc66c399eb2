#ifndef APUS_MAPPING_H
#define APUS_MAPPING_H
int mapping_placeholder(void);
#endif
