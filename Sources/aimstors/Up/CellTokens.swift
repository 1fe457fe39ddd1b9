/// Gives cells the tokens that they join by, where they need one.
struct CellTokens {
  let bootstrap: Bootstrap
  let notes: JoinNotes

  struct Trouble {
    let cell: String
    let failure: CommandFailure

    func say() {
      Console.error("\(cell): no join token: \(failure.code): \(failure.detail)")
    }
  }

  struct Outcome {
    /// To be started: with a token, or without where it may do without.
    var now: [ProcessPlan] = []
    /// To be asked for again: they begin anew, and the control plane is away.
    var later: [ProcessPlan] = []
    /// To be started all the same: they begin anew, and were refused.
    var bare: [ProcessPlan] = []
    var troubles: [Trouble] = []
  }

  /// `isAway`: the control plane is known not to answer, and is not asked.
  func fill(_ cells: [ProcessPlan], isAway: Bool) async throws(CommandFailure) -> Outcome {
    var outcome = Outcome()
    var isAway = isAway
    for cell in cells {
      let need = try notes.need(of: cell)
      guard need != .nothing else {
        outcome.now.append(cell)
        continue
      }
      if !isAway {
        do throws(BootstrapFailure) {
          outcome.now.append(try await bootstrap.joining(cell))
          continue
        } catch {
          outcome.troubles.append(Trouble(cell: cell.id, failure: error.failure))
          isAway = error.mayPass
        }
      }
      switch need.withoutToken(isAway: isAway) {
      case .starts: outcome.now.append(cell)
      case .waits: outcome.later.append(cell)
      case .startsBare: outcome.bare.append(cell)
      }
    }
    return outcome
  }
}
