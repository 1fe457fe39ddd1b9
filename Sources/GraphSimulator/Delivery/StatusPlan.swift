/// One status of one message, and when it leaves.
struct PlannedStatus: Hashable, Sendable {
  let status: String
  /// Milliseconds after acceptance at which it happens: its `timestamp`.
  let happensAfter: Int64
  /// Milliseconds after acceptance at which its webhook leaves.
  var leavesAfter: Int64
  let errorCode: Int?
  /// Whether it carries `pricing`: `sent` does, and the first of `delivered` and `read`.
  let isPriced: Bool
  /// When the second copy leaves, for a duplicate.
  let copyLeavesAfter: Int64?
}

/// Which statuses a message gets, decided by the dice.
enum StatusPlan {
  static func plan(for message: AcceptedMessage, _ faults: Faults) -> [PlannedStatus] {
    let dice = FaultDice(seed: faults.seed)
    let subject = message.subject
    var names: [(name: String, code: Int?, isPriced: Bool)] = []
    if dice.happens(faults.statusFailureRate, .fail, subject) {
      let code = dice.pick(faults.statusErrorCodes, .failCode, subject)
      // A failure is sometimes the only status that comes.
      if dice.roll(.fail, subject, 1) < 0.5 { names.append(("sent", nil, true)) }
      names.append(("failed", code, false))
    } else {
      let isMissing = dice.happens(faults.missingDeliveredRate, .missDelivered, subject)
      let isRead = isMissing || dice.happens(faults.readRate, .read, subject)
      names.append(("sent", nil, true))
      if !isMissing { names.append(("delivered", nil, true)) }
      if isRead { names.append(("read", nil, isMissing)) }
    }
    var time: Int64 = 0
    var plan = names.enumerated().map { index, entry in
      time += dice.pick(faults.delayMilliseconds, .delay, subject, index)
      let isTwice = dice.happens(faults.duplicateRate, .duplicate, subject, index)
      let gap = dice.pick(faults.delayMilliseconds, .delay, subject, 100 + index)
      return PlannedStatus(
        status: entry.name, happensAfter: time, leavesAfter: time, errorCode: entry.code,
        isPriced: entry.isPriced, copyLeavesAfter: isTwice ? time + gap : nil)
    }
    if plan.count > 1, dice.happens(faults.reorderRate, .reorder, subject) {
      let times = plan.map(\.leavesAfter)
      for index in plan.indices { plan[index].leavesAfter = times[times.count - 1 - index] }
    }
    return plan.enumerated().filter { index, _ in
      !dice.happens(faults.webhookLossRate, .lose, subject, index)
    }.map(\.element)
  }
}
