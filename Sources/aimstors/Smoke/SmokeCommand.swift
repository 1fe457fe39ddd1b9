import ArgumentParser
import Foundation
import GraphSimulator

/// The journey of `tools/run --smoke`: exit code 0 only if everything holds.
struct SmokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "smoke", abstract: "A journey against a private system.", shouldDisplay: false)

  @Option(name: .long, help: "Leave logs and data in this directory.")
  var keep: String?

  func run() async throws {
    let directory =
      try keep.map { (path) throws(CommandFailure) in try LocalSystem.absolute(path) }
      ?? Self.temporary()
    if keep != nil, try PrivateFile.read(directory + "/topology.yaml") != nil {
      throw CommandFailure(
        .usage, code: "directory_used", detail: "\(directory) holds an earlier journey")
    }
    var report = SmokeReport()
    do throws(CommandFailure) {
      let system = try await PrivateSystem.start(in: directory)
      var journey = try SmokeJourney(system)
      do throws(CommandFailure) {
        try await journey.run()
        report = journey.report
      } catch {
        report = journey.report
        report.broken.append("\(error.code): \(error.detail)")
      }
      await system.stop()
    } catch {
      report.broken.append("\(error.code): \(error.detail)")
    }
    for line in report.broken { Console.error("smoke: \(line)") }
    if keep == nil, report.broken.isEmpty {
      Self.remove(directory)
    } else {
      Console.error("smoke: logs and data are in \(directory)")
    }
    Console.out(report.json.serialized())
    if !report.broken.isEmpty { exitProcess(.refused) }
  }

  private static func temporary() throws(CommandFailure) -> String {
    var name = Array("/tmp/aimstors-smoke.XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else {
      throw CommandFailure(.refused, code: "file_error", detail: "no temporary directory")
    }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func remove(_ directory: String) {
    try? FileManager.default.removeItem(atPath: directory)
  }
}
