import ArgumentParser
import GraphSimulator
import Wire

/// One screen: what is wrong and since when.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "What is wrong, and since when. Exit code 3 if anything is.")

  @OptionGroup var connection: ConnectionOptions

  /// How long the control plane and a process may take to answer, in seconds.
  private static let platformSeconds: Int64 = 5
  private static let processSeconds: Int64 = 2

  func run() async throws {
    let api = try connection.connection()
    let local = try LocalDescription.read(Environment.live.dataDirectory)
    async let asked = Self.processes(local)
    let platform: Result<JSON, CommandFailure>
    do throws(CommandFailure) {
      platform = .success(
        try await api.send(.admin, "GET", "/v1/status", seconds: Self.platformSeconds))
    } catch {
      platform = .failure(error)
    }
    let processes = await asked
    // Without processes to look at, the refusal is all there is to say.
    if case .failure(let failure) = platform, processes.isEmpty { throw failure }
    let report = Self.report(platform, processes)
    api.show(report, Self.text(report))
    guard report["ok"]?.bool == true else { exitProcess(.verificationFailed) }
  }

  private static func processes(_ local: JSON?) async -> [ProcessAnswer] {
    let processes = local?["processes"]?.array ?? []
    return await withTaskGroup(of: (Int, JSON?).self) { group in
      for (index, process) in processes.enumerated() {
        group.addTask {
          let url = (process["health_url"]?.string ?? "") + "/healthz"
          return (index, try? await HTTPCaller().call("GET", url, seconds: processSeconds).json)
        }
      }
      var answers = processes.map { ProcessAnswer(process: $0, health: nil) }
      for await (index, health) in group {
        answers[index] = ProcessAnswer(process: processes[index], health: health)
      }
      return answers
    }
  }

  /// One report of what the control plane knows and of what the processes say themselves: a dead
  /// one cannot tell the control plane, and a dead control plane tells nothing.
  static func report(
    _ platform: Result<JSON, CommandFailure>, _ processes: [ProcessAnswer]
  ) -> JSON {
    var report: JSON = [:]
    var problems: [JSON] = []
    switch platform {
    case .success(let status):
      report = status
      problems = status["problems"]?.array ?? []
    case .failure(let failure): problems.append(unreported(failure))
    }
    // Whoever knows of the others comes first, so that nothing is said twice.
    for answer in processes.filter(\.knowsOthers) + processes.filter({ !$0.knowsOthers }) {
      let news = answer.news(beside: problems, report)
      problems += news
    }
    return report.with("processes", .array(processes.map(\.shown)))
      .with("problems", .array(dated(problems, processes))).with("ok", .bool(problems.isEmpty))
  }

  /// Why there is no report of the control plane: its own refusal, or that it does not answer.
  private static func unreported(_ failure: CommandFailure) -> JSON {
    // With this code a router says that nobody answers behind it.
    let isRefusal =
      failure.isAnswer && failure.code != FailureCode.controlPlaneUnavailable.rawValue
    return [
      "code": JSON(isRefusal ? failure.code : "control_plane_unreachable"),
      "detail": JSON(isRefusal ? failure.detail : "\(failure.code): \(failure.detail)"),
      "since": .null, "cell": "control_plane",
      "runbook": "docs/runbooks/control-plane-unreachable.md",
    ]
  }

  /// Who is silent cannot say since when: what the others miss of it tells.
  private static func dated(_ problems: [JSON], _ processes: [ProcessAnswer]) -> [JSON] {
    let controlPlanes = processes.map(\.process).filter { $0["role"]?.string == "control_plane" }
      .compactMap { $0["id"]?.string }
    func since(_ code: String, _ cell: String? = nil) -> JSON? {
      problems.filter { $0["code"]?.string == code && (cell == nil || $0["cell"]?.string == cell) }
        .compactMap { $0["since"]?.string }.min().map { JSON($0) }
    }
    let controlPlane = since("control_plane_unreachable")
    return problems.map { problem in
      guard problem["since"]?.string == nil else { return problem }
      let silent = problem["cell"]?.string ?? ""
      switch problem["code"]?.string {
      case "control_plane_unreachable": return problem.with("since", controlPlane)
      case "process_down" where controlPlanes.contains(silent):
        return problem.with("since", controlPlane)
      case "process_down": return problem.with("since", since("cell_unreachable", silent))
      default: return problem
      }
    }
  }

  static func text(_ report: JSON) -> String {
    var lines: [String] = []
    let problems = report["problems"]?.array ?? []
    if problems.isEmpty {
      lines.append("no problems")
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
    if let stops = report["send_stops"]?.array, !stops.isEmpty {
      lines.append("\nsends are stopped:\n" + SendStopCommand.table(stops))
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
