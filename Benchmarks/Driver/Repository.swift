import ArgumentParser
import Foundation

/// Where a bench finds the comparison programs and the system, and how long it measures.
struct Repository: ParsableArguments {
  @Option(help: "The checkout whose tools and comparison programs are used.")
  var repository: String

  @Option(help: "Seconds that each figure is measured, after a warm-up of a quarter of it.")
  var seconds: Int = 20

  @Option(help: "How often each figure is measured; the median is printed.")
  var repetitions: Int = 3

  /// The folder with the release executables, this one among them.
  var binaries: URL {
    URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent()
  }

  func comparison(_ name: String) -> String {
    binaries.appendingPathComponent("comparison/\(name)").path
  }

  func script(_ path: String) -> String { "\(repository)/\(path)" }

  /// A fresh folder beside the system's temporary files, removed by the caller.
  static func temporaryDirectory(_ name: String) throws -> String {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-bench-\(name)-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
