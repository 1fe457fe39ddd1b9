import GraphSimulator

extension StatusCommand {
  /// A process of the local system and what it says of itself; nil where it does not answer.
  struct ProcessAnswer {
    let process: JSON
    let health: JSON?

    /// What it is now: a follower that was promoted is a cell, a replaced cell follows.
    private var role: String { health?["role"]?.string ?? process.cell("role") }
    private var id: String { health?["id"]?.string ?? process.cell("id") }

    /// Whether it speaks for others too, as the control plane does.
    var knowsOthers: Bool { health != nil && role == "control_plane" }

    /// The process with how it is.
    var shown: JSON {
      process.with("ok", health?["ok"] ?? false).with("ready", health?["ready"])
        .with("answers", .bool(health != nil))
    }

    /// Its problems that are not among `problems`.
    ///
    /// `report`: the control plane's, empty where there is none.
    func news(beside problems: [JSON], _ report: JSON) -> [JSON] {
      guard let health else {
        let url = process.cell("health_url")
        return [
          [
            "code": "process_down",
            "detail": JSON("\(process.cell("id")) does not answer at \(url)"),
            "since": .null, "cell": process["id"] ?? .null,
            "runbook": "docs/runbooks/process-down.md",
          ]
        ]
      }
      let told = health["problems"]?.array ?? []
      let news = told.filter { problem in
        !problems.contains { isSame($0, problem) } && !isDone(problem, report)
      }
      return knowsOthers ? news : news.map { $0.with("cell", process["id"]) }
    }

    /// Whether `known` is `problem`, which this process says of itself.
    ///
    /// By code, place and tenant: what is counted in a detail may have changed between two
    /// questions.
    private func isSame(_ known: JSON, _ problem: JSON) -> Bool {
      let code = problem.cell("code")
      // A process of an earlier release does not say whose it is.
      let tenant = problem["tenant"]?.string
      guard tenant == nil || tenant == known["tenant"]?.string else { return false }
      switch role {
      case "control_plane":
        return known["code"] == problem["code"] && known["cell"]?.string == problem["cell"]?.string
      case "follower":
        // Its cell has it as the trouble of a copy.
        return known["code"]?.string == "follower_unwell"
          && known.cell("detail").hasPrefix("\(id): \(code):")
      default: return known["code"] == problem["code"] && known["cell"]?.string == id
      }
    }

    /// Whether it is nobody's work any more: a retired cell may not join, and ends in a moment.
    ///
    /// One that was spread over others is there until somebody removes it.
    private func isDone(_ problem: JSON, _ report: JSON) -> Bool {
      guard role == "cell", problem["code"]?.string != "cell_ended" else { return false }
      let cells = report["cells"]?.array ?? []
      return cells.contains { $0["id"]?.string == id && $0["state"]?.string == "retired" }
    }
  }
}
