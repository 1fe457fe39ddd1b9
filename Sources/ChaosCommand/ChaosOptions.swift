import ArgumentParser
import Chaos
import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What every mode of `tools/chaos` takes, and how it ends.
struct ChaosOptions: ParsableArguments {
  @Option(help: "How often something is broken.") var cycles: Int = 20
  @Option(help: "Where the random choices begin.") var seed: UInt64 = 1
  @Option(help: "A rule that this run breaks on purpose; the run must then end with 1.")
  var sabotage: String?

  func validate() throws {
    guard cycles > 0 else { throw ValidationError("--cycles must be at least 1") }
    guard sabotage.map({ Sabotage(rawValue: $0) != nil }) ?? true else {
      let names = Sabotage.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--sabotage is one of \(names)")
    }
  }

  /// Runs a mode and prints its report last; throws the exit code where it is not ok.
  ///
  /// The sabotage is put into the environment first: it is read once, by whoever asks first.
  func report(_ body: () async throws -> ChaosReport) async throws {
    if let sabotage { setenv("AIMSTORS_SABOTAGE", sabotage, 1) }
    let report = try await body()
    Self.write(report.json, to: STDOUT_FILENO)
    guard report.isOK else { throw ExitCode(1) }
  }

  /// Says on stderr what is broken now.
  static func note(_ text: String) { write(text, to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) {
    var rest = Array("\(text)\n".utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes {
        #if canImport(Glibc)
          Glibc.write(descriptor, $0.baseAddress, $0.count)
        #else
          Darwin.write(descriptor, $0.baseAddress, $0.count)
        #endif
      }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}
