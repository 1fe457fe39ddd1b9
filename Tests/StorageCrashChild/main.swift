import Platform
import Storage
import StorageFixtures
import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

// Arguments: directory, cycle. Writes `tenant id` per acknowledged command to standard output, in
// one write each, until it is killed.

let directory = CommandLine.arguments[1]
let cycle = Int64(CommandLine.arguments[2]) ?? 0
let callers: Int64 = 24

var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
configuration.adjustJournal = {
  $0.groupBytes = 256 * 1_024
  $0.segmentBytes = 4 * 1_024 * 1_024
  $0.reserveBytes = 0
}
// Checkpoints and trimming are part of what is killed.
configuration.checkpointFrames = 40
configuration.replayBytes = 64 * 1_024
configuration.flushInterval = .milliseconds(20)
let engine = StorageEngine(
  configuration, clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(),
  schema: { _ in TestSchema.store() }, fatal: { _ in abort() })
_ = try await engine.start()
for number in 1...6 {
  let tenant = TenantID(trusted: "t\(number)")
  if engine.heads[tenant] == nil { try await engine.create(tenant, epoch: .first) }
}

try await withThrowingTaskGroup(of: Void.self) { group in
  for caller in 0..<callers {
    group.addTask {
      let tenant = TenantID(trusted: "t\(caller % 6 + 1)")
      for turn in Int64(0)... {
        let id = cycle << 40 | caller << 32 | turn
        try await engine.write(tenant, CommandOrigin(requestID: "\(id)", traceID: "")) {
          try TestSchema.pay($0, id)
        }
        let line = "\(tenant) \(id)\n"
        _ = line.withCString { write(STDOUT_FILENO, $0, strlen($0)) }
      }
    }
  }
  try await group.waitForAll()
}
