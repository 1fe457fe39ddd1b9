import Messaging
import Wire

/// A router's calls to one cell, in the product's table of slots.
final class SimulatedLink {
  static let callTime = Duration.milliseconds(150)

  private var table = CallTable<Int>(slots: 3, waiting: 3)
  private var calls: [Int: SimulatedCall] = [:]
  /// Which call the transport has in each slot.
  private var running: [Int: Int] = [:]
  private var nextCall = 0
  private let cell: SimulatedCell
  private unowned let deployment: Deployment

  init(_ cell: SimulatedCell, _ deployment: Deployment) {
    self.cell = cell
    self.deployment = deployment
  }

  func submit(_ call: SimulatedCall) {
    nextCall += 1
    let id = nextCall
    let now = deployment.now
    let timed = CallTable<Int>.Timed(
      call: id, deadline: now + Self.callTime, connectBy: now + Self.callTime / 2)
    calls[id] = call
    switch table.submit(timed) {
    case .start(let slot): start(slot, id)
    case .waiting: break
    case .saturated:
      calls[id] = nil
      deployment.sometimes.shed += 1
      return call.ended(.saturated)
    }
    for wait in [75_000, 150_000] {
      deployment.plan(after: wait, "\(cell.id) deadline") { [weak self] in self?.expire() }
    }
  }

  private func start(_ slot: Int, _ id: Int) {
    guard let call = calls[id] else { return }
    running[slot] = id
    deployment.send("envelope \(call.key)") { [weak self] in
      guard let self else { return }
      cell.debit(call.tenant, under: call.epoch, key: call.key, amount: call.amount) { reply in
        self.deployment.send("reply \(call.key)") { [weak self] in
          self?.answered(slot, id, reply)
        }
      }
    }
  }

  /// A reply came; one of a call that has ended is dropped, as the transport drops it.
  private func answered(_ slot: Int, _ id: Int, _ reply: SimulatedCell.Reply) {
    guard running[slot] == id else { return }
    running[slot] = nil
    let (call, next) = table.finished(slot)
    end(call, .reply(reply))
    if let next { start(next.slot, next.timed.call) }
  }

  private func expire() {
    let (late, unconnected, aborts) = table.expire(at: deployment.now)
    for id in late { end(id, .timedOut) }
    for id in unconnected { end(id, .unreachable(sent: false)) }
    for slot in aborts { abort(slot) }
  }

  /// The transport ends what runs in a slot: its report and the abort's return come in any order.
  private func abort(_ slot: Int) {
    running[slot] = nil
    var next: CallTable<Int>.Start?
    if deployment.choice.happens(500) {
      let (call, start) = table.finished(slot)
      end(call, .unreachable(sent: true))
      next = start ?? table.aborted(slot)
    } else {
      next = table.aborted(slot)
      let (call, start) = table.finished(slot)
      end(call, .unreachable(sent: true))
      next = next ?? start
    }
    if let next { start(next.slot, next.timed.call) }
  }

  func connected() {
    guard !table.isConnected else { return }
    for next in table.connected() { start(next.slot, next.timed.call) }
  }

  func disconnected() {
    guard table.isConnected else { return }
    for slot in table.disconnected() { abort(slot) }
  }

  private func end(_ id: Int?, _ outcome: SimulatedRouter.CallOutcome) {
    guard let id, let call = calls.removeValue(forKey: id) else { return }
    call.ended(outcome)
  }
}

/// One envelope on its way to a cell.
struct SimulatedCall {
  let tenant: TenantID
  let epoch: Epoch
  let key: String
  let amount: Int
  let ended: (SimulatedRouter.CallOutcome) -> Void
}
