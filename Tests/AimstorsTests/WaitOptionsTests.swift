import GraphSimulator
import Testing

@testable import aimstors

/// How a verb ends that began an operation, or shows one.
@Suite struct WaitOptionsTests {
  private func failure(_ state: String, _ code: String? = nil) -> CommandFailure? {
    let operation: JSON = ["id": "op_1", "state": JSON(state), "step": "plan"]
    let error: JSON? = code.map { ["code": JSON($0), "detail": "why"] }
    return WaitOptions.failure(of: operation.with("error", error))
  }

  @Test func `what goes on or succeeded is no failure`() {
    for state in ["planned", "running", "succeeded"] { #expect(failure(state) == nil) }
  }

  @Test func `what failed is exit code 1, and 3 where something is not what it should be`() {
    let refused = failure("failed", "cell_unavailable")
    #expect(refused?.exitCode == .refused && refused?.code == "cell_unavailable")
    #expect(refused?.detail == "why")
    let differs = failure("failed", "verification_failed")
    #expect(differs?.exitCode == .verificationFailed && differs?.code == "verification_failed")
    #expect(failure("failed")?.code == "operation_failed")
  }

  @Test func `what was cancelled is not done, and says where it was given up`() {
    let cancelled = failure("cancelled")
    #expect(cancelled?.exitCode == .refused && cancelled?.code == "operation_cancelled")
    #expect(cancelled?.detail == "op_1 was cancelled at step plan")
  }

  @Test func `cells are listed with address, generation and how far a follower is behind`() {
    let text = CellCommand.table([
      [
        "id": "a", "address": "tcp://a:1", "generation": 4,
        "lag": ["records": 0, "bytes": 0, "seconds": 0],
      ], ["id": "b", "address": "tcp://b:1", "generation": 5, "lag": .null],
    ])
    let rows = text.split(separator: "\n").map { $0.split(whereSeparator: { $0 == " " }) }
    #expect(rows.count == 3)
    // id region state alive address generation tenants lag …
    #expect(rows[1][4] == "tcp://a:1" && rows[1][5] == "4" && rows[1][7] == "0")
    #expect(rows[2][4] == "tcp://b:1" && rows[2][5] == "5" && rows[2][7] == "-")
  }
}
