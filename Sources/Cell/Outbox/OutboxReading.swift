import Storage
import Wire

/// Finds what a tenant could send now.
struct OutboxReading {
  let configuration: OutboxConfiguration
  let gate: any SendGate

  /// - Parameters:
  ///   - excluded: phone_number_ids that may not send now, or have no tokens or slots.
  ///   - limit: How many candidates at most.
  ///   - inFlight: Intents whose outcome is on its way.
  func look(
    _ snapshot: Snapshot, excluding excluded: Set<String>, limit: Int, inFlight: Set<RowID>
  ) throws -> OutboxLook {
    let file = snapshot.file(.messages)
    let queue = MessageQueueStore(file)
    let campaigns = CampaignQueueStore(file)
    var look = OutboxLook()
    // A stop for all of the tenant: its queue, which may be long, is not read for nothing.
    guard gate.stopReason(tenant: snapshot.tenant, phoneNumberID: "") == nil else {
      look.isStopped = true
      look.nextDue = try campaigns.nextSchedule()
      look.needsHousekeeping = try needsHousekeeping(snapshot, queue, campaigns, inFlight)
      return look
    }
    let stopped = try stoppedByOperators(snapshot.tenant, queue)
    look.isStopped = !stopped.isEmpty
    // Left out before the limit counts: what waits for a stopped number holds up no other.
    let list = Self.json(excluded.union(stopped).union(try queue.stoppedNumbers()))
    look.candidates = try queue.due(at: snapshot.now, excluding: list, limit: limit).map {
      SendCandidate(
        id: $0.id, phoneNumberID: $0.phoneNumberID, contact: $0.contact, unclaimedOf: nil)
    }
    try addRecipients(&look, campaigns, excluding: list, limit: limit)
    look.nextDue = try [queue.nextQueued(excluding: list), campaigns.nextSchedule()]
      .compactMap { $0 }.min()
    look.needsHousekeeping = try needsHousekeeping(snapshot, queue, campaigns, inFlight)
    return look
  }

  private func stoppedByOperators(
    _ tenant: TenantID, _ queue: MessageQueueStore
  ) throws -> Set<String> {
    var stopped: Set<String> = []
    for number in try queue.numbers() {
      gate.note(numberID: number.id.text(.number), phoneNumberID: number.phoneNumberID)
      if gate.stopReason(tenant: tenant, phoneNumberID: number.phoneNumberID) != nil {
        stopped.insert(number.phoneNumberID)
      }
    }
    return stopped
  }

  /// Takes turns among the running campaigns.
  private func addRecipients(
    _ look: inout OutboxLook, _ campaigns: CampaignQueueStore, excluding excluded: String,
    limit: Int
  ) throws {
    let room = limit - look.candidates.count
    guard room > 0 else { return }
    let running = try campaigns.running(
      excluding: excluded, limit: configuration.campaignsPerLook)
    var queues = try running.map { campaign in
      try campaigns.next(of: campaign.id, limit: room).map {
        SendCandidate(
          id: $0.id, phoneNumberID: campaign.number, contact: $0.contactKey,
          unclaimedOf: campaign.id)
      }[...]
    }
    while look.candidates.count < limit, queues.contains(where: { !$0.isEmpty }) {
      for index in queues.indices where look.candidates.count < limit {
        if let next = queues[index].popFirst() { look.candidates.append(next) }
      }
    }
  }

  private func needsHousekeeping(
    _ snapshot: Snapshot, _ queue: MessageQueueStore, _ campaigns: CampaignQueueStore,
    _ inFlight: Set<RowID>
  ) throws -> Bool {
    if try !queue.ambiguousDue(at: snapshot.now, limit: 1).isEmpty { return true }
    if try !campaigns.scheduled(by: snapshot.now).isEmpty { return true }
    let intents = try queue.intents(limit: inFlight.count + 1)
    return intents.contains { !inFlight.contains($0) }
  }

  /// A JSON array of phone_number_ids.
  static func json(_ numbers: Set<String>) -> String {
    var json: [UInt8] = [UInt8(ascii: "[")]
    for (index, number) in numbers.sorted().enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      JSONText.append(number, to: &json)
    }
    json.append(UInt8(ascii: "]"))
    return String(decoding: json, as: UTF8.self)
  }
}
