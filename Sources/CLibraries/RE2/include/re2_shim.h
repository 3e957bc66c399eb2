#ifndef APUS_RE2_SHIM_H
#define APUS_RE2_SHIM_H
#ifdef __cplusplus
extern "C" {
#endif
int re2_shim_placeholder(void);
#ifdef __cplusplus
}
#endif
#endif
