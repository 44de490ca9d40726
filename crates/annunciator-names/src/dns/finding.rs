//! Turns the response to one question into what it says: records, an alias, or nothing.
//!
//! In: name, type, response. Out: a [`Finding`] with its proof and TTL. Only records of the name
//! that was asked for count; an alias is followed by a question of its own, so that each step is
//! judged by the trust anchor that is nearest to it.
//! Knows nothing of: the network.
//! Standard: RFC 1035 section 4, RFC 2308, RFC 4035 section 5; RFC 4592 for wildcards.
//! Failure: [`LookupError::Bogus`] when the signatures do not hold.

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::Proof as RecordProof;
use hickory_resolver::proto::dnssec::rdata::{DNSSECRData, SigInput};
use hickory_resolver::proto::op::{DnsResponse, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::answer::{LookupError, Proof};
use crate::name;

/// Most records of one answer that are kept.
const RECORDS_MAX: usize = 256;

/// What a response says.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Finding {
    /// Records of the type that was asked for; at least one.
    Records(Vec<RData>),
    /// The name is another name.
    Alias(Name),
    /// There is no such record; the value says whether there is no such name at all.
    Absent(bool),
}

/// A finding, how far it is proven, and its TTL in seconds.
pub(crate) type Judged = (Finding, Proof, u32);

/// The weaker of two proofs: what was followed is proven as far as its weakest step.
pub(crate) fn weakest(one: Proof, other: Proof) -> Proof {
    match (one, other) {
        (Proof::Secure, Proof::Secure) => Proof::Secure,
        (Proof::Unchecked, _) | (_, Proof::Unchecked) => Proof::Unchecked,
        _ => Proof::Insecure,
    }
}

/// What a response says that nobody here has checked; `proof` is that of the whole.
pub(crate) fn read_response(
    response: &DnsResponse,
    name: &Name,
    kind: RecordType,
    proof: Proof,
) -> Judged {
    let (finding, ttl) = read_finding(response, name, kind);
    (finding, proof, ttl)
}

/// What came out of the validator.
///
/// # Errors
/// [`LookupError::Bogus`], or what [`read_failure`] makes of a failure.
pub(crate) fn read_validated(
    result: Result<DnsResponse, NetError>,
    name: &Name,
    kind: RecordType,
) -> Result<Judged, LookupError> {
    let (response, denial) = match result {
        Ok(response) => (response, None),
        // An answer whose absences could not be proven. The response in it has been judged
        // record by record.
        Err(NetError::Dns(DnsError::Nsec { response, proof, .. })) => (*response, Some(proof)),
        Err(error) => return Err(read_failure(&error, name, kind)),
    };
    let bogus = || Err(read_failure(&NetError::Dns(DnsError::DnssecBogus), name, kind));
    let (finding, ttl) = read_finding(&response, name, kind);
    let proof = match &finding {
        Finding::Absent(_) => absence_proof(&response, name, denial),
        // The rest of the response is about the target; it was judged, but is not used. For an
        // alias made from a wildcard it had to prove that there is nothing closer.
        Finding::Alias(_) => positive_proof(&response, name, RecordType::CNAME, denial),
        Finding::Records(_) => positive_proof(&response, name, kind, denial),
    };
    match proof {
        Some(proof) => Ok((finding, proof, ttl)),
        None => bogus(),
    }
}

/// A failure of the network, a server, or the validator, in our terms.
pub(crate) fn read_failure(error: &NetError, name: &Name, kind: RecordType) -> LookupError {
    let name = if name.is_root() { "the root".to_owned() } else { name::to_text(name) };
    match error {
        NetError::Timeout => LookupError::Timeout,
        NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. }) => {
            LookupError::Bogus(format!(
                "the {kind} answer for {name} does not pass its DNSSEC check: it is forged, expired, or \
             signed wrongly"
            ))
        }
        NetError::Dns(DnsError::ResponseCode(code)) => LookupError::Unavailable(format!(
            "the resolver could not tell the {kind} records of {name}: {}",
            code.to_str()
        )),
        NetError::NoConnections => {
            LookupError::Unavailable("there is no DNS resolver to ask: set one".into())
        }
        other => LookupError::Unavailable(format!(
            "no resolver answered for the {kind} records of {name}: {other}"
        )),
    }
}

fn read_finding(response: &DnsResponse, name: &Name, kind: RecordType) -> (Finding, u32) {
    let own = || response.answers.iter().filter(|record| record.name == *name);
    let records: Vec<&Record> =
        own().filter(|record| record.record_type() == kind).take(RECORDS_MAX).collect();
    if !records.is_empty() {
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or_default();
        let records = records.into_iter().map(|record| record.data.clone()).collect();
        return (Finding::Records(records), ttl);
    }
    let alias = own().find_map(|record| match &record.data {
        RData::CNAME(target) => Some((Finding::Alias(target.0.clone()), record.ttl)),
        _ => None,
    });
    alias.unwrap_or_else(|| {
        let is_name_absent = response.response_code == ResponseCode::NXDomain;
        (Finding::Absent(is_name_absent), response.negative_ttl().unwrap_or_default())
    })
}

/// How far the records of a type are proven; none when they are not to be used.
fn positive_proof(
    response: &DnsResponse,
    name: &Name,
    kind: RecordType,
    denial: Option<RecordProof>,
) -> Option<Proof> {
    let own = || response.answers.iter().filter(|record| record.name == *name);
    let mut records = own().filter(|record| record.record_type() == kind);
    if records.clone().all(|record| record.proof == RecordProof::Insecure) {
        return Some(Proof::Insecure);
    }
    if !records.all(|record| record.proof == RecordProof::Secure) {
        return None;
    }
    let signatures = own().filter_map(|record| read_signature(record, kind));
    let Some(signature) = signatures
        .filter(|input| input.num_labels < name.num_labels())
        .min_by_key(|input| input.num_labels)
    else {
        return Some(Proof::Secure);
    };
    // That nothing closer exists must be proven too, or an existing name could be replaced.
    match denial {
        None if has_secure_denial(response) => Some(Proof::Secure),
        Some(RecordProof::Insecure) => Some(Proof::Insecure),
        // The validator asks too much of NSEC: that the wildcard itself be denied.
        Some(_) if is_closer_denied(response, name, signature) => Some(Proof::Secure),
        _ => None,
    }
}

fn read_signature(record: &Record, kind: RecordType) -> Option<&SigInput> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => {
            Some(signature.input()).filter(|input| input.type_covered == kind)
        }
        _ => None,
    }
}

/// Whether an NSEC record of the same zone proves that between a name and the wildcard that its
/// records were made from nothing else exists (RFC 4035 section 5.3.4).
fn is_closer_denied(response: &DnsResponse, name: &Name, signature: &SigInput) -> bool {
    let zone = &signature.signer_name;
    let signed_by_zone = |owner: &Name| {
        let of_owner = response.authorities.iter().filter(|record| record.name == *owner);
        let mut inputs = of_owner.filter_map(|record| read_signature(record, RecordType::NSEC));
        inputs.all(|input| input.signer_name == *zone)
    };
    response.authorities.iter().any(|record| {
        let RData::DNSSEC(DNSSECRData::NSEC(denial)) = &record.data else { return false };
        let (owner, next) = (&record.name, denial.next_domain_name());
        // The last NSEC of a zone leads back to its start.
        let covers = owner < name && (name < next || next == zone);
        let types = denial.type_set();
        let is_cut = owner.zone_of(name)
            && (types.contains(RecordType::DNAME)
                || (types.contains(RecordType::NS) && !types.contains(RecordType::SOA)));
        let encloser = common_labels(owner, name).max(common_labels(next, name));
        record.proof == RecordProof::Secure
            && signed_by_zone(owner)
            && covers
            && !is_cut
            && encloser == usize::from(signature.num_labels)
    })
}

/// How many labels two names have in common, from the root on.
fn common_labels(one: &Name, other: &Name) -> usize {
    let pairs = one.iter().rev().zip(other.iter().rev());
    pairs.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count()
}

/// How far an absence is proven; none when it is not.
fn absence_proof(
    response: &DnsResponse,
    name: &Name,
    denial: Option<RecordProof>,
) -> Option<Proof> {
    match denial {
        Some(RecordProof::Insecure) => return Some(Proof::Insecure),
        Some(_) => return None,
        None => {}
    }
    if has_secure_denial(response) {
        return Some(Proof::Secure);
    }
    let authorities = &response.authorities;
    let all_insecure = !authorities.is_empty()
        && authorities.iter().all(|record| record.proof == RecordProof::Insecure);
    // The validator lets a response pass when its authority records are all from an unsigned
    // zone. It must be the zone of this name, or anybody's unsigned zone could take away the
    // records of a signed one.
    let concerns_name = authorities.iter().any(|record| {
        matches!(record.record_type(), RecordType::SOA | RecordType::NS)
            && record.name.zone_of(name)
    });
    (!all_insecure || concerns_name).then_some(Proof::Insecure)
}

fn has_secure_denial(response: &DnsResponse) -> bool {
    response.authorities.iter().any(|record| {
        matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3)
            && record.proof == RecordProof::Secure
    })
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::dnssec::Algorithm;
    use hickory_resolver::proto::dnssec::rdata::{NSEC, RRSIG};
    use hickory_resolver::proto::op::{Message, OpCode};
    use hickory_resolver::proto::rr::SerialNumber;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, SOA};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn record(owner: &str, data: RData, proof: RecordProof) -> Record {
        let mut record = Record::from_rdata(name(owner), 300, data);
        record.proof = proof;
        record
    }

    fn soa(owner: &str, proof: RecordProof) -> Record {
        let soa = SOA::new(name("ns."), name("h."), 1, 3600, 600, 86400, 60);
        record(owner, RData::SOA(soa), proof)
    }

    fn response(answers: Vec<Record>, authorities: Vec<Record>) -> DnsResponse {
        let mut message = Message::response(1, OpCode::Query);
        message.add_answers(answers);
        message.add_authorities(authorities);
        DnsResponse::from_message(message).unwrap()
    }

    fn a(last: u8) -> RData {
        RData::A(A::new(192, 0, 2, last))
    }

    #[test]
    fn proofs_are_as_weak_as_their_weakest_step() {
        use Proof::{Insecure, Secure, Unchecked};
        for (one, other, expected) in [
            (Secure, Secure, Secure),
            (Secure, Insecure, Insecure),
            (Insecure, Insecure, Insecure),
            (Secure, Unchecked, Unchecked),
            (Insecure, Unchecked, Unchecked),
        ] {
            assert_eq!(weakest(one, other), expected);
            assert_eq!(weakest(other, one), expected);
        }
    }

    #[test]
    fn only_records_of_the_name_that_was_asked_for_count() {
        let other = response(vec![record("other.", a(1), RecordProof::Secure)], vec![]);
        assert_eq!(read_finding(&other, &name("mail."), RecordType::A).0, Finding::Absent(false));
        let alias = RData::CNAME(CNAME(name("target.")));
        let both = response(
            vec![
                record("target.", a(1), RecordProof::Secure),
                record("MAIL.", alias, RecordProof::Secure),
            ],
            vec![],
        );
        let (found, ttl) = read_finding(&both, &name("mail."), RecordType::A);
        assert_eq!((found, ttl), (Finding::Alias(name("target.")), 300));
    }

    #[test]
    fn an_unsigned_zone_takes_nothing_away_from_another() {
        for (owner, expected) in [
            ("plain.test.", true),
            ("test.", true),
            ("evil.example.", false),
            ("x.plain.test.", false),
        ] {
            let denial = response(vec![], vec![soa(owner, RecordProof::Insecure)]);
            let judged = read_validated(Ok(denial), &name("plain.test."), RecordType::TLSA);
            assert_eq!(judged.is_ok(), expected, "{owner}");
        }
    }

    #[test]
    fn records_are_used_only_when_all_of_them_are_proven() {
        use RecordProof::{Bogus, Indeterminate, Insecure, Secure};
        for (proofs, expected) in [
            ([Secure, Secure], Some(Proof::Secure)),
            ([Insecure, Insecure], Some(Proof::Insecure)),
            ([Secure, Bogus], None),
            ([Secure, Insecure], None),
            ([Insecure, Bogus], None),
            ([Bogus, Bogus], None),
            ([Indeterminate, Indeterminate], None),
        ] {
            let answers = vec![record("mail.", a(1), proofs[0]), record("mail.", a(2), proofs[1])];
            let judged =
                read_validated(Ok(response(answers, vec![])), &name("mail."), RecordType::A);
            assert_eq!(judged.ok().map(|(_, proof, _)| proof), expected, "{proofs:?}");
        }
    }
    fn signature(kind: RecordType, num_labels: u8, signer: &str) -> SigInput {
        SigInput {
            type_covered: kind,
            algorithm: Algorithm::ECDSAP256SHA256,
            num_labels,
            original_ttl: 300,
            sig_expiration: SerialNumber::new(2),
            sig_inception: SerialNumber::new(1),
            key_tag: 1,
            signer_name: name(signer),
        }
    }

    /// Records for `any.wild.good.test.` made from `*.wild.good.test.`
    #[test]
    fn a_wildcard_is_believed_only_where_nothing_closer_can_exist() {
        use RecordProof::{Bogus, Secure};
        use RecordType::{A, DNAME, NS, SOA};
        for (owner, next, types, signer, proof, expected) in [
            ("*.wild.good.test.", "good.test.", A, "good.test.", Secure, true),
            ("aaa.wild.good.test.", "zzz.wild.good.test.", A, "good.test.", Secure, true),
            ("*.wild.good.test.", "wild2.good.test.", A, "good.test.", Secure, true),
            // It does not cover the name.
            ("*.wild.good.test.", "any.wild.good.test.", A, "good.test.", Secure, false),
            ("any.wild.good.test.", "good.test.", A, "good.test.", Secure, false),
            // The closest that exists is not the parent of this wildcard.
            ("a.good.test.", "x.good.test.", A, "good.test.", Secure, false),
            ("*.wild.good.test.", "x.any.wild.good.test.", A, "good.test.", Secure, false),
            // It is of another zone, not proven, or ends where another zone begins.
            ("*.wild.good.test.", "good.test.", A, "test.", Secure, false),
            ("*.wild.good.test.", "good.test.", A, "good.test.", Bogus, false),
            ("wild.good.test.", "x.good.test.", NS, "good.test.", Secure, false),
            ("wild.good.test.", "x.good.test.", DNAME, "good.test.", Secure, false),
            ("wild.good.test.", "x.good.test.", SOA, "good.test.", Secure, true),
        ] {
            let denial = RData::DNSSEC(DNSSECRData::NSEC(NSEC::new(name(next), [types])));
            let signed = RRSIG::from_sig(signature(RecordType::NSEC, 4, signer), Vec::new());
            let signed = RData::DNSSEC(DNSSECRData::RRSIG(signed));
            let authorities = vec![record(owner, denial, proof), record(owner, signed, proof)];
            let found = is_closer_denied(
                &response(vec![], authorities),
                &name("any.wild.good.test."),
                &signature(RecordType::MX, 3, "good.test."),
            );
            assert_eq!(found, expected, "{owner} {next} {types} {signer} {proof}");
        }
    }
}
