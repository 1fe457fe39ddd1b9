import Wire

/// Asks many peers at once and takes what comes in time.
///
/// A survey is a fan-out of ordinary requests: each carries a session, so that answers come from
/// proved peers, and each address is known with its answer.
enum Survey {
  static func run(
    _ method: WireMethod, _ payload: [UInt8], of peers: [any Peer], timeout: Duration
  ) async -> [Address: [UInt8]] {
    let deadline = ContinuousClock.now + timeout
    return await withTaskGroup(of: (Address, [UInt8]?).self) { group in
      var answers: [Address: [UInt8]] = [:]
      for (index, peer) in peers.enumerated() {
        if index >= MessagingLimits.surveyConcurrency, let (address, answer) = await group.next() {
          answers[address] = answer
        }
        group.addTask {
          do throws(MessagingError) {
            let answer = try await peer.request(
              method, payload, timeout: deadline - .now, traceID: "")
            return (peer.address, answer)
          } catch {
            // A peer that does not answer is missing from the result: that is its report.
            return (peer.address, nil)
          }
        }
      }
      for await (address, answer) in group { answers[address] = answer }
      return answers
    }
  }
}
