import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Contacts") struct ContactTests {
  private func within(_ body: (Contacts, Transaction) throws -> Void) throws {
    let books = try Books()
    try books.store.write(at: books.now) { tx in try body(Contacts(tx), tx) }
  }

  private func see(_ contacts: Contacts, _ waID: String?, _ userID: String?) throws -> Contact {
    try contacts.seen(waID: waID, userID: userID, name: nil, at: .zero)
  }

  @Test func `a payload with both completes the contact known by one`() throws {
    try within { contacts, _ in
      let byPhone = try see(contacts, "15550001", nil)
      #expect(try see(contacts, "15550001", "US.1").id == byPhone.id)
      #expect(try see(contacts, nil, "US.1").id == byPhone.id)
      let byUser = try see(contacts, nil, "US.2")
      #expect(try see(contacts, "15550002", "US.2").id == byUser.id)
      #expect(try see(contacts, "15550002", nil).id == byUser.id)
    }
  }

  @Test func `two contacts that turn out to be one are merged into the older`() throws {
    try within { contacts, _ in
      let older = try see(contacts, "15550001", nil)
      let newer = try see(contacts, nil, "US.1")
      try contacts.optOut(waID: nil, userID: "US.1")
      try contacts.setTags(["vip"], of: newer.id)
      let merged = try see(contacts, "15550001", "US.1")
      #expect(merged.id == older.id)
      #expect(merged.optedOut)
      #expect(try contacts.find(newer.id).id == older.id)
      #expect(try contacts.tags(of: older.id) == ["vip"])
      #expect(try contacts.isOptedOut(waID: "15550001", userID: nil))
    }
  }

  @Test func `what contradicts is not merged; the phone decides`() throws {
    try within { contacts, _ in
      let first = try see(contacts, "15550001", "US.1")
      let second = try see(contacts, "15550002", "US.2")
      #expect(try see(contacts, "15550001", "US.2").id == first.id)
      #expect(try see(contacts, "15550002", "US.1").id == second.id)
      let third = try see(contacts, "15550003", "US.1")
      #expect(third.id != first.id)
      #expect(third.userID == nil)
      #expect(try contacts.find(first.id).userID == "US.1")
      #expect(try see(contacts, "15550001", "US.9").userID == "US.1")
    }
  }

  @Test func `an opt-out holds for either identity until it is taken back`() throws {
    try within { contacts, _ in
      try contacts.optOut(waID: "15550001", userID: "US.1")
      #expect(try contacts.isOptedOut(waID: nil, userID: "US.1"))
      #expect(try contacts.isOptedOut(waID: "15550001", userID: nil))
      #expect(try contacts.isOptedOut(waID: "15550002", userID: nil) == false)
      try contacts.optIn(waID: "15550001", userID: nil)
      #expect(try contacts.isOptedOut(waID: nil, userID: "US.1") == false)
    }
  }

  @Test func `a person who moves to another number stays one contact`() throws {
    try within { contacts, _ in
      let person = try see(contacts, "15550001", "US.1")
      #expect(try contacts.changedNumber(from: "15550001", to: "15550002").id == person.id)
      #expect(try see(contacts, "15550002", "US.2").id == person.id)
      #expect(try see(contacts, "15550001", nil).id != person.id)
      let other = try see(contacts, "15550003", nil)
      #expect(try contacts.changedNumber(from: "15550002", to: "15550003").id == person.id)
      #expect(try contacts.find(other.id).id == person.id)
      #expect(try contacts.find(other.id).waID == "15550003")
    }
  }

  @Test func `nobody is no contact`() throws {
    try within { contacts, _ in
      #expect(throws: Failure.self) { try see(contacts, nil, nil) }
      #expect(throws: Failure.self) { try see(contacts, "", "") }
    }
  }

  @Test(arguments: [
    ("+1 (555) 000-1111", "15550001111"), ("+49.151.12345678", "4915112345678"), ("123", nil),
    ("1234567890123456", nil), ("+1555abc0001", nil), ("1+5550001111", nil),
  ])
  func `phone numbers are read as people write them`(text: String, digits: String?) {
    #expect(ContactIdentity.waID(phone: text) == digits)
  }
}
