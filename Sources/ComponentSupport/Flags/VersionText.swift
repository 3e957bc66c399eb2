// What `--version` prints: the form of Prometheus' and Thanos' own, which scripts take apart.

/// `NAME, version V (branch: B, revision: R)` and five lines about the build. Facts that are not known stay empty.
public func versionText(
  program: String, version: String, branch: String = "", revision: String = "unknown", buildUser: String = "",
  buildDate: String = ""
) -> String {
  """
  \(program), version \(version) (branch: \(branch), revision: \(revision))
    build user:       \(buildUser)
    build date:       \(buildDate)
    swift version:    \(swiftVersion)
    platform:         \(platform)
    tags:             unknown

  """
}

private var swiftVersion: String {
  #if compiler(>=6.4)
    "6.4 or later"
  #elseif compiler(>=6.3)
    "6.3"
  #else
    "6.2"
  #endif
}

private var platform: String {
  #if arch(x86_64)
    "linux/amd64"
  #elseif arch(arm64)
    "linux/arm64"
  #else
    "linux/unknown"
  #endif
}
