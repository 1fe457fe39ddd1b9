import Wire

extension InMemoryNetwork {
  func publish(at address: Address, owner: String) throws -> Address {
    try state.withLock { state in
      let bound = try Self.bind(address, operation: "publish", &state)
      state.publishers[bound] = owner
      return bound
    }
  }

  func subscribe(
    to address: Address, topics: Set<WireTopic>, owner: String
  ) -> AsyncStream<Publication> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Publication.self, bufferingPolicy: .bufferingNewest(MessagingLimits.subscriptionQueue))
    let id = state.withLock { state in
      state.nextID += 1
      state.subscriptions[address, default: []].append(
        Subscription(
          owner: owner, id: state.nextID, topics: Set(topics.map(\.rawValue)),
          continuation: continuation))
      return state.nextID
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { $0.subscriptions[address]?.removeAll { $0.id == id } }
    }
    return stream
  }

  func distribute(_ publication: Publication, from address: Address, owner: String) {
    let (receivers, share) = state.withLock { state in
      let all = (state.subscriptions[address] ?? []).filter {
        $0.topics.contains(publication.topic.rawValue)
          && !state.isApart($0.owner, owner)
      }
      // A publisher that has left reaches nobody.
      return (state.publishers[address] == owner ? all : [], state.faults.dropPublications)
    }
    for receiver in receivers where !happens(share) {
      receiver.continuation.yield(publication)
    }
  }
}
