-- How many of each week's calls have a transcript by now?
-- Calls without speech never get one, and the newest get theirs hours later.
select
    cast(date_trunc('week', calls.started) as date) as week,
    count(*) as calls,
    count(transcripts.callId) as transcribed,
    round(count(transcripts.callId) / count(*), 3) as coverage
from gong.calls as calls
left join gong.transcripts as transcripts on transcripts.callId = calls.id
group by week
order by week;
