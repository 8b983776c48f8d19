use std::time::Instant;
use tidegate_codec::{JsonReader, Reader as _, Token};
fn main() {
    let orders: Vec<Vec<u8>> = (0..20_000).map(|i| format!(r#"{{"order_id":"ord-{i:08}","customer_id":{},"status":"shipped","currency":"EUR","total":{}.{:02},"placed_at":"2026-04-23T04:17:30.{:03}Z","channel":"web","gift":false,"note":null,"address":{{"street":"Rue de la Paix {}","city":"Paris","zip":"75002","country":"FR"}},"lines":[{{"sku":"SKU-{i:06}","qty":2,"price":19.99,"tax":0.2}},{{"sku":"SKU-{:06}","qty":1,"price":5.49,"tax":0.2}},{{"sku":"SKU-{:06}","qty":7,"price":105.00,"tax":0.055}}],"tags":["spring","vip","newsletter"],"payment":{{"method":"card","provider":"adyen","authorized":true,"reference":"pay_{i:012}"}}}}"#, i*7, i%900, i%100, i%1000, i%99, i+1, i+2).into_bytes()).collect();
    let bytes: usize = orders.iter().map(Vec::len).sum();
    eprintln!("mean {} B", bytes/orders.len());
    if std::env::args().nth(1).is_some() { for _ in 0..60 { for o in &orders { let mut r=JsonReader::new(o); loop { match r.next().unwrap() { Token::End=>break, _=>{} } } } } return; }
    for round in 0..7 {
        let mut count=0u64;
        let t=Instant::now();
        for o in &orders { let mut r=JsonReader::new(o); loop { match r.next().unwrap() { Token::End=>break, _=>count+=1 } } }
        let a=t.elapsed();
        let t=Instant::now();
        for o in &orders { let mut r=JsonReader::new(o); r.skip().unwrap(); r.next().unwrap(); }
        let b=t.elapsed();
        let t=Instant::now();
        for o in &orders { let v: serde_json::Value = serde_json::from_slice(o).unwrap(); std::hint::black_box(&v); }
        let c=t.elapsed();
        let t=Instant::now();
        for o in &orders { let v: serde::de::IgnoredAny = serde_json::from_slice(o).unwrap(); std::hint::black_box(&v); }
        let d=t.elapsed();
        let n=orders.len() as u128;
        eprintln!("{round}: tokens {} ns, skip {} ns, serde_json tree {} ns, ignored {} ns ({count})", a.as_nanos()/n, b.as_nanos()/n, c.as_nanos()/n, d.as_nanos()/n);
    }
}
