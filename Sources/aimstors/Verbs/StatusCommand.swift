import ArgumentParser
import GraphSimulator

/// One screen: what is wrong and since when.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "What is wrong, and since when. Exit code 3 if anything is.")

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let api = try connection.connection()
    let status = try await api.send(.admin, "GET", "/v1/status")
    let processes = try await Self.processes()
    let problems = (status["problems"]?.array ?? []) + processes.problems
    let report = status.with("processes", .array(processes.reports))
      .with("problems", .array(problems)).with("ok", .bool(problems.isEmpty))
    api.show(report, Self.text(report))
    guard problems.isEmpty else { exitProcess(.verificationFailed) }
  }

  /// What the processes of the local system say themselves: a dead one cannot tell the control
  /// plane.
  private static func processes() async throws -> (reports: [JSON], problems: [JSON]) {
    let local = try LocalDescription.read(Environment.live.dataDirectory)
    var reports: [JSON] = []
    var problems: [JSON] = []
    let caller = HTTPCaller()
    for process in local?["processes"]?.array ?? [] {
      let url = process["health_url"]?.string ?? ""
      let answer = try? await caller.call("GET", url + "/healthz", seconds: 2)
      let health = answer?.json ?? .null
      reports.append(
        process.with("ok", health["ok"] ?? false).with("ready", health["ready"])
          .with("answers", .bool(answer != nil)))
      guard answer != nil else {
        problems.append([
          "code": "process_down", "detail": JSON("\(process.cell("id")) does not answer at \(url)"),
          "since": .null, "runbook": "docs/runbooks/process-down.md",
        ])
        continue
      }
      // The control plane's problems are in its report already.
      guard process["role"]?.string == "router" else { continue }
      problems += health["problems"]?.array ?? []
    }
    return (reports, problems)
  }

  static func text(_ report: JSON) -> String {
    var lines: [String] = []
    let problems = report["problems"]?.array ?? []
    if problems.isEmpty {
      lines.append("all is well")
    } else {
      var table = Table("problem", "since", "where", "detail", "runbook")
      for problem in problems {
        table.add(
          problem.cell("code"), problem.cell("since"),
          problem["tenant"]?.string ?? problem.cell("cell"), problem.cell("detail"),
          problem.cell("runbook"))
      }
      lines.append(table.text)
    }
    if let cells = report["cells"]?.array, !cells.isEmpty {
      lines.append("\n" + CellCommand.table(cells))
    }
    if let processes = report["processes"]?.array, !processes.isEmpty {
      var table = Table("process", "role", "pid", "answers", "ok", "restarts")
      for process in processes {
        table.add(
          process.cell("id"), process.cell("role"), process.cell("pid"), process.cell("answers"),
          process.cell("ok"), process.cell("restarts"))
      }
      lines.append("\n" + table.text)
    }
    return lines.joined(separator: "\n")
  }
}
