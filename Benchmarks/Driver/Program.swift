import Foundation

/// Other programs that a bench starts: comparison programs, load generators, the system itself.
enum Program {
  /// Runs to the end and answers standard output; throws where the program fails.
  static func output(_ path: String, _ arguments: [String], environment: [String: String] = [:])
    throws -> String
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    // Swift's pool threads block every signal and children inherit that: pgbench, for one, ends its
    // run by SIGALRM.
    var none = sigset_t()
    sigemptyset(&none)
    var before = sigset_t()
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BenchFailure("\(path) ended with status \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// Each line of output that is a JSON object.
  static func objects(_ output: String) -> [[String: Any]] {
    output.split(separator: "\n").compactMap { line in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any]
    }
  }

  /// Memory of a running process, pages that it shares counted in part.
  static func proportionalMegabytes(of pid: Int) throws -> Double {
    let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Pss:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
    else { throw BenchFailure("/proc/\(pid)/smaps_rollup could not be read") }
    return kibibytes * 1_024 / 1_000_000
  }

  /// User and system CPU of a running process so far, in microseconds.
  static func cpuMicroseconds(of pid: Int) throws -> Double {
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    // The second field is the name in parentheses and may hold spaces.
    guard let end = text.lastIndex(of: ")") else { throw BenchFailure("no such process \(pid)") }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      throw BenchFailure("/proc/\(pid)/stat could not be read")
    }
    return (user + system) * 1_000_000 / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
