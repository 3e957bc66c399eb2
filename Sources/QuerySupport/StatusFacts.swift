// What the status pages of a query API tell of the process.
public import ComponentSupport
public import HTTPAPI
internal import Observability

/// Facts about the process for the status endpoints.
public enum StatusFacts {
  /// Lets `api` tell what was built, what runs, and the values of `flags`.
  public static func add(to api: inout QueryAPI, _ context: ComponentContext, flags: [FlagSpec]) {
    let (build, started) = (context.build, context.startTimeMs)
    api.status.build = {
      var info = BuildInfo()
      (info.version, info.revision, info.branch) = (build.version, build.revision, build.branch)
      return info
    }
    api.status.runtime = {
      var info = RuntimeInfo()
      info.startTimeMs = started
      info.configuredMs = started
      info.workingFolder = ProcessFacts.workingFolder
      info.hostname = ProcessFacts.hostname
      info.threadCount = ProcessFacts.threadCount
      info.processorCount = ProcessFacts.processorCount
      return info
    }
    let values = context.flagValues(flags)
    api.status.flags = { values }
  }
}
