import Simulation
import Testing
import Wire

@testable import Messaging

@Suite("Publish, subscribe, survey", .serialized) struct PublishTests {
  @Test(arguments: Transport.allCases)
  func `a subscriber gets its topics in order and nothing else`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let publisher = try await deployment.messenger("control-1", role: .controlPlane)
        .publisher(at: Deployment.anyAddress)
      let stream = try await deployment.messenger("router-1")
        .subscribe(to: publisher.address, topics: [.map])
      var iterator = stream.makeAsyncIterator()
      // What is published before the connection stands is lost, as promised: publish until the
      // first one arrives.
      let first = Task {
        while !Task.isCancelled {
          await publisher.publish(.map, [0])
          try? await Task.sleep(for: .milliseconds(20))
        }
      }
      #expect(await iterator.next()?.payload == [0])
      first.cancel()
      await first.value
      await publisher.publish(.sendStops, [1])
      await publisher.publish(.map, [2])
      await publisher.publish(.map, [3])
      var got: [Publication] = []
      while got.last?.payload != [3], let next = await iterator.next() {
        if next.payload != [0] { got.append(next) }
      }
      #expect(got.map(\.payload) == [[2], [3]])
      #expect(got.allSatisfy { $0.topic == .map })
    }
  }

  @Test(arguments: Transport.allCases)
  func `a subscription ends when its messenger closes`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let publisher = try await deployment.messenger("control-1")
        .publisher(at: Deployment.anyAddress)
      let router = deployment.messenger("router-1")
      let stream = try await router.subscribe(to: publisher.address, topics: [.map])
      await router.close()
      for await _ in stream {}
    }
  }

  @Test(arguments: Transport.allCases)
  func `a survey brings the answers that came in time, by address`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      var addresses: [Address] = []
      for index in 0..<3 {
        addresses.append(
          try await deployment.messenger("cell-\(index)").listen(at: Deployment.anyAddress) {
            _ in [UInt8(index)]
          })
      }
      let silent = try await deployment.messenger("cell-9").listen(at: Deployment.anyAddress) {
        _ in
        await gate.pass()
        return []
      }
      let refusing = try await deployment.messenger("cell-8").listen(at: Deployment.anyAddress) {
        _ throws(Failure) in throw Failure(.recovering, "not yet")
      }
      let asking = deployment.messenger("control-1")
      // The time of the survey is for answers: who answers has been met before.
      for address in addresses { _ = try await asking.peer(at: address).ask() }
      let answers = await asking.survey(
        .inventory, [], at: addresses + [silent, refusing], timeout: .seconds(2))
      #expect(answers == [addresses[0]: [0], addresses[1]: [1], addresses[2]: [2]])
      gate.open()
    }
  }

  @Test func `a sealed publication opens only whole, in order and with the key`() throws {
    let key = try #require(DeploymentKey(SeededRandomSource(seed: 1).bytes(32)))
    let other = try #require(DeploymentKey(SeededRandomSource(seed: 2).bytes(32)))
    let salt = SeededRandomSource(seed: 3).bytes(PublicationSeal.saltBytes)
    let sealing = PublicationSeal.key(key, salt: salt)
    func seal(_ counter: UInt64) throws -> [UInt8] {
      try #require(
        PublicationSeal.seal(
          topic: "map", [1, 2, 3], key: sealing, salt: salt, counter: counter))
    }
    let one = try seal(1)
    #expect(!one.contains([1, 2, 3]))
    var reader = PublicationReader(key: key)
    #expect(reader.read(try seal(2))?.payload == [1, 2, 3])
    #expect(reader.read(one) == nil)
    #expect(reader.read(try seal(2)) == nil)
    #expect(reader.read(try seal(3))?.topic == .map)
    var stranger = PublicationReader(key: other)
    #expect(stranger.read(one) == nil)
    for index in one.indices {
      var flipped = one
      flipped[index] ^= 1
      var fresh = PublicationReader(key: key)
      #expect(fresh.read(flipped) == nil, "byte \(index)")
      #expect(fresh.read(Array(one[..<index])) == nil, "cut at \(index)")
    }
  }
}
