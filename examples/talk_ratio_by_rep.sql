-- How much of their customer calls do reps speak themselves?
-- Gong measures a talk ratio for each call; its mean says little for a rep with two calls.
select
    users.firstName || ' ' || users.lastName as rep,
    count(*) as calls,
    round(sum(calls.duration) / 3600, 1) as hours,
    round(avg(stat.value), 3) as talk_ratio
from gong.call_interaction_stats as stat
join gong.calls as calls on calls.id = stat.callId
join gong.users as users on users.id = calls.primaryUserId
where stat.name = 'Talk Ratio' and calls.scope = 'External'
group by users.id, rep
having count(*) >= 3
order by talk_ratio desc, rep;
